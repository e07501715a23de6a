// pg-boss, by large batches that are fetched as long as they come full.

import { PgBoss } from 'pg-boss'

import { main } from './protocol.mjs'

/** How many jobs are fetched, and handed to the handler, at a time. */
const BATCH = 5000
/** How many workers of the one process fetch. */
const WORKERS = 2
/** How many jobs are inserted in one call. */
const PAGE = 10_000
const QUEUE = 'bench'

await main(async ({ figure, store }) => {
  const boss = new PgBoss({ connectionString: store, useListenNotify: true })
  boss.on('error', error => { throw error })
  await boss.start()
  await boss.createQueue(QUEUE, { notify: figure === 'latency' })
  const batch = figure === 'drain' ? BATCH : 1
  return {
    setting: figure === 'drain'
      ? `batch size ${BATCH}, ${WORKERS} workers, fetches on while batches are full, inserted by ${PAGE}`
      : `notifications, ${WORKERS} workers`,

    async submit(jobs) {
      for (let first = 0; first < jobs; first += PAGE) {
        const page = Array.from({ length: Math.min(PAGE, jobs - first) }, (_, id) => ({ data: { id } }))
        await boss.insert(QUEUE, page)
      }
    },

    async submitOne() {
      await boss.send(QUEUE, { id: 0 })
    },

    async work(entered) {
      const options = {
        batchSize: batch,
        localConcurrency: WORKERS,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: 0.5
      }
      await boss.work(QUEUE, options, async jobs => { jobs.forEach(entered) })
    },

    async hasRecorded() {
      const { rows } = await boss.getDb().executeSql(
        `SELECT EXISTS (SELECT FROM pgboss.job WHERE name = '${QUEUE}' AND state <> 'completed') AS left`
      )
      return !rows[0].left
    }
  }
})
