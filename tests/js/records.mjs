// An Automerge document that somebody else made: read, and changed by an actor of its own.
import * as A from '@automerge/automerge'
import { bytes, text } from './bytes.mjs'

export const load = ({ record }) => ({ fields: plain(A.load(bytes(record))) })

export const change = ({ record, actor, time, what }) => {
  const before = A.load(bytes(record), { actor })
  const options = time === undefined ? {} : { time }
  const after = A.change(before, options, edits[what])
  return { change: text(A.getLastLocalChange(after)) }
}

const scalar = text => new A.ImmutableString(text)

const edits = {
  title: fields => { fields.title = scalar('from JavaScript') },
  nothing: fields => { fields.title = null },
  notes: fields => { A.splice(fields, ['notes'], 0, 0, 'Hear: ') },
  due: fields => { fields.timeline.due = new Date(1_800_000_000_000) },
  plain: fields => { fields.title = 'a text object where a register is' },
  remove: fields => { delete fields.title },
  choice: fields => { fields.status = scalar('nearly done') },
  unknown: fields => { fields.colour = scalar('red') },
  nested: fields => { fields.timeline = {} },
  long: fields => { A.splice(fields, ['notes'], 0, 0, 'Hear this: '.repeat(100)) }
}

// Scalars of text apart from texts that are written together.
const plain = value => {
  if (A.isImmutableString(value)) return { scalar: value.toString() }
  if (typeof value === 'bigint') return { int: String(value) }
  if (value instanceof Date) return { time: value.getTime() }
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, plain(value)]))
  }
  return value
}
