'use strict'
// graphile-worker starts campaigns. fill: a job for each campaign at its start_time. work COUNT {...}: works until all are done and marked so.
const { run: startRunner, makeWorkerUtils, Logger } = require('graphile-worker')
const { connectionString, pool, moveOne, campaignsInParts, clock, countOf, run } = require('./campaigns')
const logger = new Logger(() => () => {})
const jobs = 'graphile_worker._private_jobs'

run({
  async fill () {
    const utils = await makeWorkerUtils({ connectionString, logger })
    await utils.migrate()
    for await (const part of campaignsInParts()) {
      await utils.addJobs(part.map(c => ({ identifier: 'start', payload: { id: c.id }, runAt: c.start_time })))
    }
    await pool.query(`VACUUM (ANALYZE) ${jobs}`)
  },

  async work (count, settings) {
    const start = async (payload, helpers) => {
      clock.handed()
      await helpers.query(moveOne(payload.id))
      clock.handled++
    }
    const preset = { worker: { connectionString, maxPoolSize: settings.concurrentJobs + 2, ...settings } }
    await startRunner({ preset, taskList: { start }, logger, noHandleSignals: true })
    // A job that is done is deleted.
    await clock.untilDone(count, () => countOf(`SELECT count(*) FROM ${jobs}`))
  }
})
