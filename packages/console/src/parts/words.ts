/** A duration in words as short as they can be: 850 ms, 4.2 s, 3 min 5 s, 2 h 10 min, 3 d 4 h. */
export function durationText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const whole = Math.round(seconds)
  const [days, hours, minutes, rest] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60]
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`
  return rest > 0 && minutes < 10 ? `${minutes} min ${rest} s` : `${minutes} min`
}

/** How far a time lies away: "just now", "5 s ago", "in 3 min". */
export function agoText(ms: number): string {
  const away = Math.abs(ms)
  if (away < 1500) return 'just now'
  const text = away < 60_000 ? `${Math.round(away / 1000)} s` : away < 3_600_000 ? `${Math.round(away / 60_000)} min` : longText(away)
  return ms > 0 ? `in ${text}` : `${text} ago`
}

function longText(ms: number): string {
  const hours = ms / 3_600_000
  return hours < 36 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`
}

const numbers = new Intl.NumberFormat('en')

/** 1,234,567 */
export function numberText(value: number): string {
  return numbers.format(value)
}

/** "1 job", "1,234 jobs" */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${numberText(count)} ${count === 1 ? one : many}`
}

/** 1.5 MB */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

// making one costs far more than using it, and a log has a time in each line
const clocks = new Map<string, Intl.DateTimeFormat>()
function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone)
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
    })
    clocks.set(timeZone, clock)
  }
  return clock
}

/** A local time in a zone, with seconds: 2026-11-27 05:19:11 */
export function localTimeText(at: string | number | Date, zone: string): string {
  const parts = clockOf(zone).formatToParts(new Date(at))
  const part = (type: string) => parts.find((p) => p.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')}`
}

/** What an output says in a line: its first that says something, with the one after a headline such as "Script Error:". */
export function gistOf(output: string): string {
  const [first = '', second = ''] = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  return first.endsWith(':') ? `${first} ${second}` : first
}
