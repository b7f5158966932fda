// pg-boss and graphile-worker: job queues that keep their tables in a schema of their own unless told.
import { step, url, use, schema } from "./_steps.mjs";
const boss_ = use("pg-boss"), PgBoss = boss_.PgBoss ?? boss_.default ?? boss_, { run, runMigrations, makeWorkerUtils, runOnce } = use("graphile-worker");
const quiet = new (use("graphile-worker").Logger)(() => () => {});
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
for (const [label, more] of [["", {}], ["named ", { schema }]]) {
  const boss = new PgBoss({ connectionString: url, max: 2, ...more });
  boss.on("error", () => {});
  if (await step(`${label}pg-boss start`, async () => { await boss.start(); return true; })) {
    await step(`${label}pg-boss work`, async () => { await boss.createQueue("q", { retryLimit: 2 }); await boss.createQueue("dead"); await boss.send("q", { a: 1 }); await boss.send("q", {}, { startAfter: 60, singletonKey: "x", priority: 2 }); await boss.insert(boss.insert.length > 1 ? "q" : [{ name: "q", data: { b: 1 } }], [{ data: { b: 1 } }]); const [job] = await boss.fetch("q"); await boss.complete("q", job.id); const [other] = await boss.fetch("q", { includeMetadata: true }); if (other) await boss.fail("q", other.id, { why: "x" }); await boss.work("q", { pollingIntervalSeconds: 0.5 }, async () => {}); await wait(1500); });
    await step(`${label}pg-boss rest`, async () => { await boss.schedule("q", "* * * * *", { x: 1 }); await boss.getSchedules(); await boss.unschedule("q"); await boss.subscribe("event", "q"); await boss.publish("event", {}); await boss.unsubscribe("event", "q"); await boss.getQueues(); await boss.getQueue("q"); await boss.getQueueStats?.("q"); await boss.supervise?.(); await boss.deleteQueuedJobs?.("q"); await boss.deleteQueue("dead"); await boss.schemaVersion(); await boss.isInstalled(); });
  }
  await step(`${label}pg-boss stop`, () => boss.stop({ graceful: false, close: true }));
}
for (const [label, more] of [["", {}], ["named ", { schema }]]) {
  const options = { connectionString: url, logger: quiet, ...more };
  if (await step(`${label}graphile-worker migrate`, async () => { await runMigrations(options); return true; })) {
    await step(`${label}graphile-worker jobs`, async () => { const utils = await makeWorkerUtils(options); await utils.addJob("hello", { n: 1 }, { jobKey: "k", maxAttempts: 3 }); await utils.addJob("hello", { n: 2 }, { runAt: new Date(Date.now() + 1e6), queueName: "slow", priority: 2 }); await utils.addJobs?.([{ identifier: "hello", payload: {} }]); await utils.permanentlyFailJobs(["99"], "x"); await utils.rescheduleJobs(["99"], { priority: 1 }); await utils.completeJobs(["99"]); await utils.cleanup({ tasks: ["GC_TASK_IDENTIFIERS", "GC_JOB_QUEUES", "DELETE_PERMAFAILED_JOBS"] }); await utils.forceUnlockWorkers(["x"]); await utils.release(); });
    await step(`${label}graphile-worker once`, () => runOnce({ ...options, taskList: { hello: async () => {} } }));
    await step(`${label}graphile-worker run`, async () => { const runner = await run({ ...options, taskList: { hello: async () => { throw new Error("x"); } }, crontab: "* * * * * hello", pollInterval: 300, noHandleSignals: true }); await runner.addJob("hello", {}); await wait(1500); await runner.stop(); });
  }
}
process.exit();
