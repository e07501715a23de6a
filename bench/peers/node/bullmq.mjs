// BullMQ, one worker of high concurrency.

import { Queue, Worker } from 'bullmq'

import { main } from './protocol.mjs'

/** How many handlers run at once. */
const CONCURRENCY = 100
/** How many jobs are added in one call. */
const PAGE = 1000
const QUEUE = 'bench'

await main(async ({ store }) => {
  const { hostname: host, port } = new URL(store)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue(QUEUE, { connection })
  await queue.waitUntilReady()
  return {
    setting: `concurrency ${CONCURRENCY}, added by ${PAGE}`,

    async submit(jobs) {
      for (let first = 0; first < jobs; first += PAGE) {
        const page = Array.from({ length: Math.min(PAGE, jobs - first) }, (_, id) => ({ name: 'no-op', data: { id } }))
        await queue.addBulk(page)
      }
    },

    async submitOne() {
      await queue.add('no-op', { id: 0 })
    },

    async work(entered) {
      const worker = new Worker(QUEUE, async () => { entered() }, { connection, concurrency: CONCURRENCY })
      worker.on('error', error => { throw error })
    },

    async hasRecorded(jobs) {
      const { completed } = await queue.getJobCounts('completed')
      return completed >= jobs
    }
  }
})
