import { MultiSelect, NumberInput, PasswordInput, Select, Switch, TagsInput, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { CodeEditor } from './code-editor.tsx'
import { isExact, numberOf, readJson, writeJson } from './exact.ts'
import { isObject, type Misfit, plainOf, type Schema } from './schema.ts'
import css from './schema-form.module.css'

interface FieldProps {
  name: string
  path: string
  schema: Schema
  value: unknown
  isNeeded: boolean
  misfits: Misfit[]
  onChange: (value: unknown) => void
}

/** A value that no field is made for, as JSON. */
function JsonField({
  label,
  description,
  error,
  value,
  onChange,
  required,
}: {
  label: string
  description: string | undefined
  error: string | null
  value: unknown
  onChange: (value: unknown) => void
  required: boolean
}) {
  const written = writeJson(value, 2) ?? ''
  const [text, setText] = useState(written)
  const [isBad, setBad] = useState(false)
  useEffect(() => {
    setText((before) => {
      try {
        return writeJson(readJson(before)) === writeJson(value) ? before : written
      } catch {
        return written
      }
    })
  }, [value, written])
  return (
    <CodeEditor
      label={label}
      language="json"
      description={description ?? 'As JSON'}
      error={isBad ? 'is no JSON' : error}
      required={required}
      rows={[2, 12]}
      value={text}
      onChange={(next) => {
        setText(next)
        try {
          onChange(next.trim() === '' ? undefined : readJson(next))
          setBad(false)
        } catch {
          setBad(true)
        }
      }}
    />
  )
}

function Field({ name, path, schema: given, value, isNeeded, misfits, onChange }: FieldProps) {
  const { schema } = plainOf(given)
  const label = schema.title ?? name
  const description = schema.description
  const error = misfits.find((one) => one.path === path)?.problem ?? null
  const shared = { label, description, error, withAsterisk: isNeeded }
  const text = typeof value === 'string' ? value : ''
  const { enum: allowed, type, format, items } = schema
  if (schema.writeOnly || schema.secret || format === 'password')
    return <PasswordInput {...shared} autoComplete="off" value={text} onChange={(e) => onChange(e.currentTarget.value || undefined)} />
  if (allowed?.every((one) => typeof one === 'string'))
    return (
      <Select
        {...shared}
        data={allowed as string[]}
        value={text || null}
        clearable={!isNeeded}
        allowDeselect={!isNeeded}
        onChange={(next) => onChange(next ?? undefined)}
      />
    )
  if (type === 'boolean')
    return (
      <Switch
        label={label}
        description={description}
        error={error}
        checked={value === true}
        onChange={(e) => onChange(e.currentTarget.checked)}
      />
    )
  if (type === 'number' || type === 'integer')
    return (
      <NumberInput
        {...shared}
        allowDecimal={type === 'number'}
        value={typeof value === 'number' ? value : isExact(value) ? value.value : ''}
        onChange={(next) => onChange(typeof next === 'number' ? next : next === '' ? undefined : numberOf(next))}
      />
    )
  if (type === 'string') {
    const kind = { date: 'date', 'date-time': 'text', email: 'email', uri: 'url' }[format ?? ''] ?? 'text'
    return <TextInput {...shared} type={kind} value={text} onChange={(e) => onChange(e.currentTarget.value || undefined)} />
  }
  if (type === 'array' && items?.enum?.every((one) => typeof one === 'string'))
    return (
      <MultiSelect {...shared} data={items.enum as string[]} value={Array.isArray(value) ? (value as string[]) : []} onChange={onChange} />
    )
  if (type === 'array' && items && (items.type === 'string' || items.type === 'integer' || items.type === 'number')) {
    const isText = items.type === 'string'
    const list = Array.isArray(value) ? value.map(String) : []
    return (
      <TagsInput
        {...shared}
        data={[]}
        value={list}
        onChange={(next) => onChange(isText ? next : next.filter((one) => !Number.isNaN(Number(one))).map(numberOf))}
      />
    )
  }
  if (type === 'object' && schema.properties)
    return (
      <fieldset className={css.group}>
        <legend>
          {label}
          {isNeeded && <span aria-hidden> *</span>}
        </legend>
        {description && <p className={css.description}>{description}</p>}
        <Fields schema={schema} path={path} value={isObject(value) ? value : {}} misfits={misfits} onChange={onChange} />
      </fieldset>
    )
  return <JsonField label={label} description={description} error={error} value={value} onChange={onChange} required={isNeeded} />
}

function Fields({
  schema,
  path,
  value,
  misfits,
  onChange,
}: {
  schema: Schema
  path: string
  value: Record<string, unknown>
  misfits: Misfit[]
  onChange: (value: unknown) => void
}) {
  const change = (name: string, next: unknown) => {
    const { [name]: _before, ...rest } = value
    onChange(next === undefined ? rest : { ...value, [name]: next })
  }
  // the database keeps no order of keys: what is needed comes first
  const needed = (name: string) => (schema.required ?? []).includes(name) && schema.properties?.[name]?.default === undefined
  const names = Object.entries(schema.properties ?? {}).toSorted(([a], [b]) => Number(needed(b)) - Number(needed(a)))
  return (
    <div className={css.fields}>
      {names.map(([name, of]) => (
        <Field
          key={name}
          name={name}
          path={path === '' ? name : `${path}.${name}`}
          schema={of}
          value={value[name] === undefined && of.default !== undefined ? of.default : value[name]}
          isNeeded={(schema.required ?? []).includes(name) && of.default === undefined}
          misfits={misfits}
          onChange={(next) => change(name, next)}
        />
      ))}
    </div>
  )
}

/** A form made from the JSON Schema of an object. */
export function SchemaForm({
  schema,
  value,
  misfits,
  onChange,
}: {
  schema: Schema
  value: unknown
  misfits: Misfit[]
  onChange: (value: unknown) => void
}) {
  if (Object.keys(schema.properties ?? {}).length === 0)
    return <p className={css.description}>This task takes no fields. What it takes besides can be written as JSON.</p>
  return <Fields schema={schema} path="" value={isObject(value) ? value : {}} misfits={misfits} onChange={onChange} />
}
