// Editors behind a dialogue: one question a line on standard input, one answer a line on standard
// output. tests/tests/editors.rs asks.
import { createInterface } from 'node:readline'
import { ProseMirrorEditor } from './prosemirror.mjs'
import { TextEditor } from './text.mjs'
import * as records from './records.mjs'
import { bytes, text } from './bytes.mjs'

const editors = new Map()

const questions = {
  open ({ editor, layout, ...settings }) {
    const Editor = layout === 'text' ? TextEditor : ProseMirrorEditor
    editors.set(editor, new Editor(settings))
    return {}
  },
  // What a provider hands over; answers what the editor sends in return.
  receive ({ editor, updates }) {
    const at = editors.get(editor)
    for (const update of updates) at.receive(bytes(update))
    return { sent: at.take().map(text) }
  },
  act ({ editor, seed }) {
    const at = editors.get(editor)
    const did = at.act(seed)
    return { did, sent: at.take().map(text) }
  },
  // The page is loaded again from what the browser kept, under another client id.
  reload ({ editor, client }) {
    const before = editors.get(editor)
    const after = new before.constructor({ ...before.settings, client })
    after.receive(before.missing([]))
    editors.set(editor, after)
    return {}
  },
  // Sync step 2: all that a server with this state vector lacks.
  missing ({ editor, vector }) {
    return { update: text(editors.get(editor).missing(vector)) }
  },
  // Strictly: as the schema has it in every point.
  show ({ editor, strictly }) {
    return editors.get(editor).show(strictly)
  },
  ...records
}

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...rest } = JSON.parse(line)
  let answer
  try {
    answer = questions[ask](rest)
  } catch (error) {
    answer = { error: error.stack }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
