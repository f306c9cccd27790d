import { json } from '@codemirror/lang-json'
import { PostgreSQL, sql } from '@codemirror/lang-sql'
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { tags } from '@lezer/highlight'
import { EditorView, minimalSetup } from 'codemirror'
import { type RefObject, useLayoutEffect, useRef } from 'react'
import css from './code-editor.module.css'

const look = EditorView.theme({
  '&': { color: 'var(--ink)', fontSize: '0.8125rem' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.5', maxHeight: 'var(--most)' },
  '.cm-content': { minHeight: 'var(--least)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'var(--accent-ground)',
  },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-ground)', outline: '1px solid var(--line-strong)' },
  '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--bad-ground)' },
})

/** In the colours of the house, which have enough contrast in both themes. */
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'var(--running)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--completed)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--retrying)' },
  { tag: [tags.propertyName, tags.typeName, tags.standard(tags.name)], color: 'var(--blocked)' },
  { tag: tags.comment, color: 'var(--faint)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--failed)' },
])

const languages = { json: () => json(), sql: () => sql({ dialect: PostgreSQL }), shell: () => [] }

interface Props {
  label: string
  language: keyof typeof languages
  value: string
  onChange: (value: string) => void
  rows: readonly [least: number, most: number]
  problem: string | null
  /** Did the field that stood in its place have the focus? */
  takesFocus: RefObject<boolean>
}

/**
 * The editor itself. It lives in a shadow root: there its style sheets are objects, which the content security policy of the console
 * allows; in a document they would be style elements. Who reads the page finds its name, and what is wrong, on the text itself, since
 * references by id do not reach into a shadow root.
 */
export default function CodeSurface({ label, language, value, onChange, rows, problem, takesFocus }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const latest = useRef({ onChange, value, label, problem })
  latest.current = { onChange, value, label, problem }
  /** A text from outside is being put in, which is no typing. */
  const isGiven = useRef(false)
  /** What was told of typing and has not come back as the value yet: an echo that is older than the text must not replace it. */
  const told = useRef<string[]>([])
  const [least, most] = rows

  // not a moment later than the field that stood here goes: what is typed in between would be lost
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is made once a language; text, name and problem are brought by the effects below
  useLayoutEffect(() => {
    const parent = host.current
    if (!parent) return
    const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' })
    const made = new EditorView({
      parent: root,
      root,
      doc: latest.current.value,
      extensions: [
        EditorView.domEventHandlers({
          // Ctrl+Enter belongs to the form
          keydown: (event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey),
          // typed over coloured text the browser would keep its colour in a style attribute, which the content security policy refuses
          beforeinput(event, view) {
            if (event.inputType !== 'insertText' || event.data === null || view.composing || view.state.selection.main.empty) return false
            view.dispatch(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true })
            return true
          },
        }),
        minimalSetup,
        indentOnInput(),
        bracketMatching(),
        EditorView.lineWrapping,
        languages[language](),
        syntaxHighlighting(colours),
        look,
        EditorView.contentAttributes.of((): Record<string, string> => {
          const { label, problem } = latest.current
          const said = { 'aria-label': label, spellcheck: 'false', autocapitalize: 'off', autocorrect: 'off' }
          return problem === null ? said : { ...said, 'aria-invalid': 'true', 'aria-description': problem }
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged || isGiven.current) return
          const text = update.state.doc.toString()
          told.current.push(text)
          latest.current.onChange(text)
        }),
      ],
    })
    view.current = made
    if (takesFocus.current) {
      takesFocus.current = false
      made.focus()
      made.dispatch({ selection: { anchor: made.state.doc.length } })
    }
    return () => made.destroy()
  }, [language])

  // biome-ignore lint/correctness/useExhaustiveDependencies: an update without a change has the attributes read again
  useLayoutEffect(() => {
    view.current?.dispatch({})
  }, [label, problem])

  useLayoutEffect(() => {
    const text = view.current?.state.doc
    const echo = told.current.indexOf(value)
    told.current = echo >= 0 ? told.current.slice(echo + 1) : []
    if (echo >= 0 || !text || text.toString() === value) return
    isGiven.current = true
    view.current?.dispatch({ changes: { from: 0, to: text.length, insert: value } })
    isGiven.current = false
  }, [value])

  const height = { '--least': `calc(${least} * 1.5em)`, '--most': `calc(${most} * 1.5em)` } as React.CSSProperties
  return <div ref={host} className={css.surface} style={height} data-bad={problem === null ? undefined : true} />
}
