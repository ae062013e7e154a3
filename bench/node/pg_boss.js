'use strict'
// pg-boss starts campaigns. fill: a job for each campaign at its start_time. work COUNT {...}: workers until all are done and marked so.
const PgBoss = require('pg-boss')
const { connectionString, pool, moveMany, campaignsInParts, clock, countOf, run } = require('./campaigns')
const queue = 'start_campaign'

async function started () {
  // Nothing beside the jobs: no schedules, no maintenance while it works.
  const boss = new PgBoss({ connectionString, max: 12, schedule: false, supervise: false })
  boss.on('error', error => { console.error(error); process.exit(1) })
  await boss.start()
  return boss
}

run({
  async fill () {
    const boss = await started()
    await boss.createQueue(queue)
    for await (const part of campaignsInParts()) {
      await boss.insert(part.map(c => ({ name: queue, data: { id: c.id }, startAfter: c.start_time })))
    }
    await pool.query('VACUUM (ANALYZE) pgboss.job')
  },

  // Priorities are off: nobody uses them. again: asks for the next batch at once instead of waiting for the poll (notifyWorker), as long as batches are full.
  async work (count, { workers, batchSize, pollingIntervalSeconds = 0.5, again = false }) {
    const boss = await started()
    for (let i = 0; i < workers; i++) {
      const worker = await boss.work(queue, { batchSize, pollingIntervalSeconds, priority: false }, async jobs => {
        clock.handed()
        await pool.query(moveMany(jobs.map(job => job.data.id)))
        clock.handled += jobs.length
        if (again && jobs.length === batchSize) boss.notifyWorker(worker)
      })
      // Their polls are spread.
      await new Promise(resolve => setTimeout(resolve, pollingIntervalSeconds * 1000 / workers))
    }
    await clock.untilDone(count, () => countOf("SELECT count(*) FROM pgboss.job WHERE state < 'completed'"))
  }
})
