// What the peers on Node have in common, as `bench/peer` is for those in Rust: words, clock, answer.

import process from 'node:process'

/** A peer that takes longer than this is given up. */
const PATIENCE_MS = 240_000
/** How often a store is asked whether it has recorded everything, once every handler has run. */
const LOOK_EVERY_MS = 2
/** Samples of a latency that are thrown away, while connections open and caches fill. */
const WARM_UP = 30

/** Reads `drain|latency --store URL --jobs N`. */
function parse(words) {
  const [figure, ...rest] = words
  const option = name => rest[rest.indexOf(name) + 1]
  const task = { figure, store: option('--store'), jobs: Number(option('--jobs')) }
  if (!['drain', 'latency'].includes(figure) || !task.store || !(task.jobs > 0)) {
    throw new Error('usage: drain|latency --store URL --jobs N')
  }
  return task
}

/** Tells its reader when every so manieth handler was entered. */
class Entries {
  #every
  #count = 0
  #told = []
  #waiting = null

  constructor(every) {
    this.#every = every
  }

  entered() {
    this.#count += 1
    if (this.#count % this.#every === 0) {
      this.#told.push(performance.now())
      this.#waiting?.()
    }
  }

  async next() {
    while (this.#told.length === 0) {
      await new Promise(resolve => { this.#waiting = resolve })
    }
    return this.#told.shift()
  }
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** From 10 to 30 ms, never in step with whoever polls, and the same for every peer. */
const pause = sample => 10 + ((sample * 7919) % 20_000) / 1000

const percentile = (sorted, share) => sorted[Math.round((sorted.length - 1) * share)]

const rate = (jobs, took) => jobs / (took / 1000)

async function drain(peer, entries, jobs) {
  const submitting = performance.now()
  await peer.submit(jobs)
  const submitted = performance.now() - submitting
  const draining = performance.now()
  await peer.work(() => entries.entered())
  await entries.next()
  while (!(await peer.hasRecorded(jobs))) {
    await sleep(LOOK_EVERY_MS)
  }
  const drained = performance.now() - draining
  return { jobs, submit_per_s: rate(jobs, submitted), drain_per_s: rate(jobs, drained) }
}

async function latency(peer, entries, samples) {
  await peer.work(() => entries.entered())
  const took = []
  for (let sample = 0; sample < WARM_UP + samples; sample += 1) {
    await sleep(pause(sample))
    const submitting = performance.now()
    await peer.submitOne()
    const entered = await entries.next()
    if (sample >= WARM_UP) took.push(entered - submitting)
  }
  took.sort((left, right) => left - right)
  return { samples, p50_ms: percentile(took, 0.5), p99_ms: percentile(took, 0.99) }
}

/**
 * The whole program of a peer. `open(task)` prepares an empty store and answers with
 * `{ setting, submit(jobs), submitOne(), work(entered), hasRecorded(jobs) }`.
 */
export async function main(open) {
  const task = parse(process.argv.slice(2))
  setTimeout(() => {
    console.error(`it had not ended after ${PATIENCE_MS / 1000} s`)
    process.exit(1)
  }, PATIENCE_MS).unref()
  const peer = await open(task)
  const measure = task.figure === 'drain' ? drain : latency
  const entries = new Entries(task.figure === 'drain' ? task.jobs : 1)
  const answer = await measure(peer, entries, task.jobs)
  console.log(JSON.stringify({ setting: peer.setting, ...answer }))
  process.exit(0)
}
