// What every Yjs editor has: a document, and a provider that sends what did not come through it.
import * as Y from 'yjs'
import { isDeepStrictEqual } from 'node:util'

const PROVIDER = 'provider'

export class Shared {
  constructor (settings) {
    this.settings = settings
    this.doc = new Y.Doc({ gc: settings.gc })
    this.doc.clientID = settings.client
    this.sent = []
    // As y-websocket does it: what happens within the provider's own transactions is not sent.
    this.doc.on('update', (update, origin) => {
      if (origin !== PROVIDER) this.sent.push(update)
    })
  }

  receive (update) {
    Y.applyUpdate(this.doc, update, PROVIDER)
  }

  take () {
    return this.sent.splice(0)
  }

  missing (vector) {
    return Y.encodeStateAsUpdate(this.doc, Y.encodeStateVector(new Map(vector)))
  }

  settled () {
    return this.doc.store.pendingStructs === null && this.doc.store.pendingDs === null
  }
}

// The content of Yjs types as BodyView has it: runs of equal marks joined, null read as absent.
export const runsOf = text => {
  const runs = []
  for (const { insert, attributes } of text.toDelta()) {
    const marks = present(attributes ?? {})
    push(runs, typeof insert === 'string' ? { text: insert, marks } : { embed: insert, marks })
  }
  return runs
}

const push = (runs, run) => {
  const last = runs.at(-1)
  const joins = last?.text !== undefined && run.text !== undefined &&
    isDeepStrictEqual(last.marks, run.marks)
  if (joins) last.text += run.text
  else runs.push(run)
}

export const treeOf = parent => {
  const nodes = []
  for (const child of parent.toArray()) {
    if (child instanceof Y.XmlText) {
      const runs = runsOf(child)
      // Texts side by side read as one.
      if (Array.isArray(nodes.at(-1))) runs.forEach(run => push(nodes.at(-1), run))
      else if (runs.length > 0) nodes.push(runs)
    } else {
      nodes.push({ tag: child.nodeName, attributes: present(child.getAttributes()), children: treeOf(child) })
    }
  }
  return nodes
}

// Through JSON, since ProseMirror's attributes are objects without a prototype.
const present = values => JSON.parse(JSON.stringify(Object.fromEntries(
  Object.entries(values).filter(([, value]) => value != null)
)))
