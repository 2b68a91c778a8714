import type { Aim, KillPlan } from './command'
import type { Random } from './random'

/** The narrow places: between an act and what is written down of it, and in the middle of an act. `most`: how often a run passes. */
const AIMS: (Omit<Aim, 'nth'> & { most: number })[] = [
  { what: 'request frozen, lock not taken', when: 'answered', method: 'PUT', url: '/request\\.json', most: 1 },
  { what: 'lock taken, nothing opened', when: 'answered', method: 'PUT', url: '^/drayage-state/pairs/', most: 1 },
  { what: 'access.json written, nothing created', when: 'answered', method: 'PUT', url: '/access\\.json', most: 1 },
  { what: 'probe open', when: 'answered', method: 'POST', url: '\\.drayage-probe\\?uploads', most: 1 },
  { what: 'large unit written, not its shard', when: 'answered', method: 'PUT', url: '/shards/large/', most: 2 },
  { what: 'shard written, not the cursor', when: 'answered', method: 'PUT', url: '/shards/batches/', most: 15 },
  { what: 'cursor written', when: 'answered', method: 'PUT', url: '/cursor\\.json', most: 15 },
  { what: 'upload announced, not created', when: 'answered', method: 'PUT', url: '^/drayage-state/uploads/', most: 2 },
  {
    what: 'upload created, its id not written down',
    when: 'answered',
    method: 'POST',
    url: '^/to-there/copies/large.*\\?uploads',
    most: 2,
  },
  { what: 'in the middle of a part', when: 'arrived', method: 'PUT', url: 'partNumber=[1-9]&.*uploadId|uploadId=.*partNumber', most: 8 },
  { what: 'part answered', when: 'answered', method: 'PUT', url: '^/to-there/copies/large.*partNumber', most: 8 },
  { what: 'completing an upload', when: 'arrived', method: 'POST', url: '^/to-there/copies/large.*\\?.*uploadId=', most: 2 },
  {
    what: 'upload completed, its record still open',
    when: 'answered',
    method: 'POST',
    url: '^/to-there/copies/large.*\\?.*uploadId=',
    most: 2,
  },
  { what: 'in the middle of an object', when: 'arrived', method: 'PUT', url: '^/to-there/copies/[^?]*(\\?x-id=.*)?$', most: 600 },
  { what: 'object written, not its outcome', when: 'answered', method: 'PUT', url: '^/to-there/copies/[^?]*(\\?x-id=.*)?$', most: 600 },
  { what: 'outcomes written', when: 'answered', method: 'PUT', url: '/outcomes/', most: 17 },
  { what: 'verdicts written', when: 'answered', method: 'PUT', url: '/verdicts/', most: 15 },
  { what: 'report.json written', when: 'answered', method: 'PUT', url: '/report\\.json', most: 1 },
  { what: 'lock released, no certificate', when: 'arrived', method: 'PUT', url: '/certificate\\.json', most: 1 },
  { what: 'a step of Cleanup written down', when: 'answered', method: 'PUT', url: '/closure\\.json', most: 9 },
  { what: 'certificate written, not its signature', when: 'answered', method: 'PUT', url: '/certificate\\.json', most: 1 },
  { what: 'certificate signed', when: 'answered', method: 'PUT', url: '/certificate\\.sig', most: 1 },
  { what: 'report.html written', when: 'answered', method: 'PUT', url: '/report\\.html', most: 1 },
]

/**
 * When a run is to be killed: half of the kills at a request, most of the others at any moment between the first request and
 * the end of a run that takes `runMs`, and one in twenty while the process is starting.
 */
export const drawPlan = (random: Random, runMs: number): KillPlan => {
  if (random.chance(0.5)) {
    const { most, ...aim } = random.pick(AIMS)
    return { at: 'request', aim: { ...aim, nth: random.whole(1, most) } }
  }
  return random.chance(0.1) ? { at: 'start', ms: random.whole(0, 3000) } : { at: 'first request', ms: random.fraction() * runMs }
}

export const planText = (plan: KillPlan): string =>
  plan.at === 'request' ? `${plan.aim.what} (${plan.aim.when}, no. ${plan.aim.nth})` : `${Math.round(plan.ms)} ms after the ${plan.at}`
