import { defineConfig } from "vitest/config";

// Two files of one source: `swerve.js` for a script tag, `swerve.mjs` for those who bundle.
export default defineConfig(({ mode }) => ({
  build: {
    outDir: process.env.SWERVE_STATIC ?? "../serving/static",
    emptyOutDir: false,
    copyPublicDir: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { minify: true } },
    // What Baseline called widely available at the end of 2025: every evergreen browser of 2023 and later.
    target: ["chrome111", "edge111", "firefox114", "safari16.4"],
    lib:
      mode === "module"
        ? { entry: "src/module.ts", formats: ["es"], fileName: () => "swerve.mjs" }
        : { entry: "src/script.ts", formats: ["iife"], name: "_", fileName: () => "swerve.js" },
  },
  test: { environment: "happy-dom", include: ["tests/*.test.ts"], setupFiles: ["tests/setup.ts"], isolate: false, fileParallelism: false },
}));
