// ProseMirror with y-prosemirror's plugins and Tiptap's StarterKit schema, without a browser: the
// plugins ask their view for no more than state, dispatch and focus.
import * as Y from 'yjs'
import { getSchema } from '@tiptap/core'
import StarterKit from '@tiptap/starter-kit'
import { EditorState, TextSelection } from '@tiptap/pm/state'
import { Slice } from '@tiptap/pm/model'
import { joinBackward, lift, setBlockType, splitBlock, toggleMark, wrapIn } from '@tiptap/pm/commands'
import { sinkListItem, splitListItem, wrapInList } from '@tiptap/pm/schema-list'
import { initProseMirrorDoc, redo, undo, yUndoPlugin, yUndoPluginKey, ySyncPlugin } from 'y-prosemirror'
import { Random, WORDS } from './bytes.mjs'
import { Shared, treeOf } from './shared.mjs'

const schema = getSchema([StarterKit.configure({ undoRedo: false })])

class View {
  constructor (state) {
    this.state = state
    this.plugins = state.plugins.filter(plugin => plugin.spec.view).map(plugin => plugin.spec.view(this))
  }

  dispatch (transaction) {
    const before = this.state
    this.state = before.apply(transaction)
    for (const plugin of this.plugins) plugin.update?.(this, before)
  }

  hasFocus () {
    return false
  }
}

export class ProseMirrorEditor extends Shared {
  constructor (settings) {
    super(settings)
    this.fragment = this.doc.getXmlFragment(settings.root)
  }

  // As an application does it: the editor opens on what the provider has brought first.
  get view () {
    if (this.opened === undefined) {
      const { doc, mapping } = initProseMirrorDoc(this.fragment, schema)
      const plugins = [ySyncPlugin(this.fragment, { mapping })]
      if (this.settings.undo) plugins.push(yUndoPlugin())
      this.opened = new View(EditorState.create({ schema, doc, plugins }))
      this.undo = yUndoPluginKey.getState(this.opened.state)?.undoManager
      if (this.undo) this.undo.captureTimeout = 1e12
    }
    return this.opened
  }

  run (command) {
    return command(this.view.state, transaction => this.view.dispatch(transaction))
  }

  select (anchor, head = anchor) {
    const { doc, tr } = this.view.state
    this.view.dispatch(tr.setSelection(TextSelection.between(doc.resolve(anchor), doc.resolve(head))))
  }

  act (seed) {
    const random = new Random(seed)
    const { marks, nodes } = schema
    // Two who delete at once can leave nothing at all, which y-prosemirror shows as it is.
    if (this.view.state.doc.childCount === 0) {
      this.view.dispatch(this.view.state.tr.insert(0, nodes.paragraph.create()))
      return 'begin'
    }
    const place = () => {
      const at = random.below(this.view.state.doc.content.size + 1)
      return insidePair(this.view.state.doc, at) ? at - 1 : at
    }
    const here = place()
    const near = this.view.state.doc.content.size - here < 25 ? place() : here + random.below(25)
    const there = insidePair(this.view.state.doc, near) ? near - 1 : near
    this.select(here, there)
    const caret = () => this.select(this.view.state.selection.from)
    const type = text => this.view.dispatch(this.view.state.tr.insertText(text))
    const acts = {
      type: () => { caret(); type(random.of(WORDS)) },
      replace: () => type(random.of(WORDS)),
      delete: () => this.run((state, dispatch) => dispatch(state.tr.deleteSelection())),
      enter: () => { caret(); this.run(splitListItem(nodes.listItem)) || this.run(splitBlock) },
      join: () => {
        const { $from } = this.view.state.selection
        this.select($from.start())
        this.run(joinBackward)
      },
      mark: () => this.run(toggleMark(marks[random.of(['bold', 'italic', 'underline', 'strike', 'code'])])),
      link: () => this.run(toggleMark(marks.link, { href: random.of(['https://a.example', 'https://b.example']) })),
      heading: () => this.run(setBlockType(nodes.heading, { level: 1 + random.below(3) })),
      paragraph: () => this.run(setBlockType(nodes.paragraph)),
      code: () => this.run(setBlockType(nodes.codeBlock, { language: 'rust' })),
      list: () => this.run(wrapInList(random.of([nodes.bulletList, nodes.orderedList]))),
      sink: () => this.run(sinkListItem(nodes.listItem)),
      quote: () => this.run(wrapIn(nodes.blockquote)),
      lift: () => this.run(lift),
      break: () => { caret(); this.run((state, dispatch) => dispatch(state.tr.replaceSelectionWith(nodes.hardBreak.create()))) },
      rule: () => this.run((state, dispatch) => dispatch(state.tr.replaceSelectionWith(nodes.horizontalRule.create()))),
      paste: () => this.cutAndPaste(random),
      pasteText: () => this.run((state, dispatch) => dispatch(state.tr.replaceSelection(pasted(random)))),
      undo: () => this.undo && undo(this.view.state),
      redo: () => this.undo && redo(this.view.state),
      pause: () => this.undo?.stopCapturing()
    }
    const weighed = [...Object.keys(acts), 'type', 'type', 'type', 'type', 'enter', 'replace', 'delete', 'mark', 'undo', 'redo']
    const did = random.of(weighed)
    acts[did]()
    this.check()
    // A person clicks somewhere: y-prosemirror fails on a selected node that somebody else removes.
    if (this.view.state.doc.childCount > 0) this.select(this.view.state.selection.from)
    return did
  }

  // Blocks are cut in one transaction and pasted elsewhere in the next, as a person does it.
  cutAndPaste (random) {
    const { doc } = this.view.state
    if (doc.childCount < 3) return
    const first = random.below(doc.childCount)
    const count = 1 + random.below(Math.min(2, doc.childCount - first))
    let from = 0
    for (let at = 0; at < first; at++) from += doc.child(at).nodeSize
    let to = from
    for (let at = first; at < first + count; at++) to += doc.child(at).nodeSize
    const slice = doc.slice(from, to)
    this.view.dispatch(this.view.state.tr.delete(from, to))
    const after = this.view.state.doc
    const before = random.below(after.childCount + 1)
    let at = 0
    for (let index = 0; index < before; index++) at += after.child(index).nodeSize
    this.view.dispatch(this.view.state.tr.insert(at, slice.content))
  }

  // Every node holds what the schema lets it hold. Marks that exclude each other can meet where two
  // people set them at once, with Yjs alone as well.
  check () {
    const { doc } = this.view.state
    if (doc.childCount === 0) return
    doc.type.checkContent(doc.content)
    doc.descendants(node => {
      node.type.checkContent(node.content)
      node.type.checkAttrs(node.attrs)
    })
  }

  show (strictly) {
    const { doc } = this.view.state
    if (strictly) doc.check()
    else this.check()
    return {
      content: treeOf(this.fragment),
      shown: plain(doc.toJSON()).content ?? [],
      settled: this.settled()
    }
  }
}

const insidePair = (doc, at) => {
  const { parent, parentOffset } = doc.resolve(at)
  return parent.isTextblock &&
    /[\udc00-\udfff]/.test(parent.textBetween(0, parent.content.size, '', '\ufffc')[parentOffset] ?? '')
}

const pasted = random => Slice.fromJSON(schema, {
  content: [
    { type: 'heading', attrs: { level: 2 }, content: [{ type: 'text', text: random.of(WORDS) }] },
    {
      type: 'bulletList',
      content: [{
        type: 'listItem',
        content: [{ type: 'paragraph', content: [{ type: 'text', text: random.of(WORDS), marks: [{ type: 'bold' }] }] }]
      }]
    }
  ],
  openStart: 0,
  openEnd: 0
})

// Attributes that have the schema's own value are left out: nobody wrote them.
const plain = node => {
  const spec = schema.nodes[node.type]?.spec.attrs ?? {}
  const out = { ...node, attrs: written(node.attrs, spec) }
  // y-prosemirror keeps no marks of inline nodes: only the editor that set them shows them.
  if (node.type !== 'text') delete out.marks
  if (out.marks) {
    out.marks = node.marks.map(mark => ({ ...mark, attrs: written(mark.attrs, schema.marks[mark.type].spec.attrs ?? {}) }))
  }
  if (node.content) out.content = node.content.map(plain)
  return out
}

const written = (attrs, spec) => Object.fromEntries(
  Object.entries(attrs ?? {}).filter(([name, value]) => value !== (spec[name]?.default ?? null))
)
