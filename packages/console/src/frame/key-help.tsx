import { Switch } from '@mantine/core'
import { Dialog } from '../parts/dialog.tsx'
import { prefer, usePreferences } from '../preferences.ts'
import css from './key-help.module.css'
import { places } from './nav.ts'

const general: [string, string][] = [
  ['Ctrl K or ⌘K', 'search jobs, pages, tasks'],
  ['/', 'to the query box'],
  ['1 to 9', 'the button of a problem on the overview'],
  ['u', 'undo, or what else a message offers'],
  ['t', 'hold the page still, or go on'],
  ['?', 'this list'],
  ['Esc', 'close, clear, back'],
]
const lists: [string, string][] = [
  ['j k', 'next, previous line, in tables too'],
  ['x', 'choose the row'],
  ['Shift J, Shift K', 'choose on the way'],
  ['*', 'choose all that match'],
  ['Enter', 'open'],
  ['o', 'open beside the list'],
]
const jobs: [string, string][] = [
  ['r', 'retry'],
  ['Shift R', 're-run with changes'],
  ['c', 'cancel'],
  ['l', 'to the log'],
  ['[ ]', 'previous, next attempt'],
  ['↑ ↓ in the log', 'line by line, Enter copies a link'],
]

function Keys({ title, of }: { title: string; of: [string, string][] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl className={css.keys}>
        {of.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

/** All keys. */
export default function KeyHelp({ onClose }: { onClose: () => void }) {
  const { shortcuts } = usePreferences()
  return (
    <Dialog onClose={onClose} title="Keys" size="lg">
      <Switch
        label="Single keys act (Ctrl K always works)"
        checked={shortcuts}
        onChange={(event) => prefer({ shortcuts: event.currentTarget.checked })}
      />
      <div className={css.columns}>
        <Keys title="Everywhere" of={general} />
        <Keys title="Go to" of={places.map(({ key, label }) => [`g ${key}`, label])} />
        <Keys title="In lists" of={lists} />
        <Keys title="A job" of={jobs} />
      </div>
    </Dialog>
  )
}
