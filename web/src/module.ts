/** `import swerve from "…/swerve.mjs"`; on a server, where there is no page, its methods do nothing. */

import { install } from "./install";
import type { Swerve } from "./swerve";

const nothing = new Proxy({}, { get: () => () => undefined }) as Swerve;

export const swerve: Swerve = typeof document === "undefined" ? nothing : install({}, false);
export default swerve;
