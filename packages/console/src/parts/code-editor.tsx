import { Input, Textarea } from '@mantine/core'
import { lazy, Suspense, useRef } from 'react'
import css from './code-editor.module.css'

const CodeSurface = lazy(() => import('./code-surface.tsx'))

/** Props of {@link CodeEditor}. */
export interface CodeEditorProps {
  /** Its name; a page that says above the field what it is hides it. */
  label: string
  isLabelHidden?: boolean
  language: 'json' | 'sql' | 'shell'
  value: string
  onChange: (value: string) => void
  description?: React.ReactNode
  error?: string | null | undefined
  required?: boolean
  /** Lines that are shown at least, and at most before it scrolls. Default 4 and 24. */
  rows?: readonly [least: number, most: number]
}

/**
 * A text of several lines in a language, its parts in colours. Tab leaves it. A plain field stands in its place until the editor has
 * been loaded; what is typed there stays.
 */
export function CodeEditor({
  label,
  isLabelHidden,
  language,
  value,
  onChange,
  description,
  error,
  required,
  rows = [4, 24],
}: CodeEditorProps) {
  const isFocused = useRef(false)
  const [minRows, maxRows] = rows
  const plain = (
    <Textarea
      aria-label={label}
      autosize
      minRows={minRows}
      maxRows={maxRows}
      spellCheck={false}
      classNames={{ input: css.text ?? '' }}
      value={value}
      error={Boolean(error)}
      onFocus={() => {
        isFocused.current = true
      }}
      onBlur={() => {
        isFocused.current = false
      }}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
  return (
    <Input.Wrapper
      label={isLabelHidden ? undefined : label}
      labelElement="div"
      description={description}
      error={error}
      withAsterisk={required ?? false}
    >
      <Suspense fallback={plain}>
        <CodeSurface
          label={label}
          language={language}
          value={value}
          onChange={onChange}
          rows={rows}
          problem={error ?? null}
          takesFocus={isFocused}
        />
      </Suspense>
    </Input.Wrapper>
  )
}
