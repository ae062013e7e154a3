'use strict'
// Shared by the programs of the peers: the connection, the state change that a job makes, and the output.
const { Pool } = require('pg')

const connectionString = `postgresql://postgres@/${process.env.BENCH_DATABASE}?host=${encodeURIComponent(process.env.BENCH_SOCKETS)}`
const pool = new Pool({ connectionString, max: 12 })
const move = 'UPDATE campaigns SET status = \'RUNNING\', metadata = metadata || \'{"trigger_event": "START_CAMPAIGN"}\' WHERE id'

// One prepared statement a campaign, or one a batch of them. The log row is written by the specification's trigger.
const moveOne = id => ({ name: 'move_one', text: `${move} = $1`, values: [id] })
const moveMany = ids => ({ name: 'move_many', text: `${move} = ANY ($1::uuid[])`, values: [ids] })

// Campaigns to be started, in the order of their times; in parts, for a queue takes them so.
async function * campaignsInParts () {
  const { rows } = await pool.query('SELECT id, start_time FROM campaigns ORDER BY start_time')
  for (let i = 0; i < rows.length; i += 5000) yield rows.slice(i, i + 5000)
}

// Handed the first job, and every job done and marked so: in seconds, by the clock.
const clock = {
  began: 0,
  handled: 0,
  handed () { this.began = this.began || Date.now() },
  async untilDone (count, countUnfinished) {
    const giveUpAt = Date.now() + 240000
    let left = count
    while (left > 0) {
      if (Date.now() > giveUpAt) throw new Error(`not done in time: ${this.handled} of ${count}`)
      await new Promise(resolve => setTimeout(resolve, 10))
      if (this.handled >= count) left = await countUnfinished()
    }
    console.log(this.began / 1000, Date.now() / 1000)
  }
}

const countOf = async text => +(await pool.query(text)).rows[0].count

function run (commands) {
  const [command, ...settings] = process.argv.slice(2)
  commands[command](...settings.map(text => JSON.parse(text)))
    .then(() => process.exit(0), error => { console.error(error); process.exit(1) })
}

module.exports = { connectionString, pool, moveOne, moveMany, campaignsInParts, clock, countOf, run }
