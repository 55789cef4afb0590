/** Call the tracker; where it is not there yet, when it comes. */
export function tell(...call) {
  window.swerve ??= { q: [] };
  window.swerve.q.push(call);
}
