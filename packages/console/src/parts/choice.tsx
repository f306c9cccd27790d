import css from './choice.module.css'

/** One of a few: buttons beside each other of which one is pressed. */
export function Choice<T extends string>({
  label,
  of,
  value,
  onChoose,
}: {
  label: string
  of: readonly { value: T; label: string }[]
  value: T
  onChoose: (value: T) => void
}) {
  return (
    <div className={css.choice} role="group" aria-label={label}>
      {of.map((one) => (
        <button key={one.value} type="button" aria-pressed={one.value === value} onClick={() => onChoose(one.value)}>
          {one.label}
        </button>
      ))}
    </div>
  )
}
