// An editor of one Y.Text, as y-codemirror and y-quill use it.
import * as Y from 'yjs'
import { Random, WORDS } from './bytes.mjs'
import { Shared, runsOf } from './shared.mjs'

const EDITOR = 'editor'

export class TextEditor extends Shared {
  constructor (settings) {
    super(settings)
    this.text = this.doc.getText(settings.root)
    if (settings.undo) {
      this.undo = new Y.UndoManager(this.text, { trackedOrigins: new Set([EDITOR]), captureTimeout: 1e12 })
    }
  }

  act (seed) {
    const random = new Random(seed)
    const place = () => border(this.text.toString(), random.below(this.text.length + 1))
    const did = random.of(['type', 'type', 'type', 'replace', 'delete', 'format', 'embed', 'undo', 'redo', 'pause', 'twice'])
    const [from, to] = [place(), place()].sort((a, b) => a - b)
    // Embeds count as a unit but are not in the string: then only the ends are safe.
    const plain = this.text.toString().length === this.text.length
    const [start, end] = plain ? [from, to] : [0, this.text.length]
    const within = Math.min(end - start, plain ? 12 : 0)
    this.doc.transact(() => {
      if (did === 'type') this.text.insert(start, random.of(WORDS))
      if (did === 'delete') this.cut(start, within)
      if (did === 'replace') { this.cut(start, within); this.text.insert(start, random.of(WORDS)) }
      if (did === 'format') {
        const key = random.of(['bold', 'italic', 'link'])
        const value = random.of(key === 'link' ? ['https://example.org', null] : [true, null])
        this.text.format(start, end - start, { [key]: value })
      }
      if (did === 'embed' && random.below(4) === 0) this.text.insertEmbed(start, { image: 'a.png', width: 1.5 })
      // Typed and taken away again within one transaction.
      if (did === 'twice') {
        this.text.insert(start, 'gone', { bold: true })
        this.text.delete(start, 4)
        this.text.insert(start, 'kept')
      }
    }, EDITOR)
    if (did === 'undo') this.undo?.undo()
    if (did === 'redo') this.undo?.redo()
    if (did === 'pause') this.undo?.stopCapturing()
    return did
  }

  cut (start, length) {
    const end = border(this.text.toString(), start + length)
    if (end > start) this.text.delete(start, end - start)
  }

  show () {
    return { content: runsOf(this.text), settled: this.settled() }
  }
}

// The place itself, or the one before it inside a pair: no editor puts its caret there.
const border = (string, at) => /[\udc00-\udfff]/.test(string[at] ?? '') ? at - 1 : at
