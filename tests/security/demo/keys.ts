import { gateOf, type Gate } from '../gate'
import type { Demo } from './run'

/** The keys of a run work while it copies and are refused when it has ended. Both from the same keys: a key that never worked proves nothing. */
export const demoKeys = ({ verified, working, refused }: Pick<Demo, 'verified' | 'working' | 'refused'>): Gate => {
  const open = working.filter(({ closed }) => !closed)
  const ended = refused.filter(({ closed }) => closed)
  const gate = gateOf('demo-keys', [
    { title: 'run', problems: verified ? [] : ['the demo did not end verified'] },
    {
      title: 'during the run',
      problems: [
        ...(working.length === 0 ? ['no key was tried'] : []),
        // Any 403 is a refusal, whatever its code.
        ...working
          .filter(({ closed, answer }) => closed || answer.startsWith('403'))
          .map(({ name, call, answer }) => `${name} did not work: ${call} answered ${answer}`),
      ],
    },
    {
      title: 'after it',
      problems: [
        ...refused.filter(({ closed }) => !closed).map(({ name, call, answer }) => `${name} still works: ${call} answered ${answer}`),
        ...open.filter(({ name }) => !refused.some((tried) => tried.name === name)).map(({ name }) => `${name} was not tried again`),
      ],
    },
  ])
  return { ...gate, notes: [`working ${open.length}, refused ${ended.length}`] }
}
