import { endReasons, type Query, terminalStates } from '@trunkline/contract'

/** Where a job stands, as far as a search tells it apart: it has ended, runs, or waits. */
export type Place = 'ended' | 'running' | 'waiting'

/** All of {@link Place}. */
export const places: readonly Place[] = ['ended', 'running', 'waiting']

function placeOfState(word: string): Place {
  if (word === 'running') return 'running'
  return [...terminalStates, ...endReasons].some((ended) => ended === word) ? 'ended' : 'waiting'
}

/** In which places jobs can be that fit: others need not be read. */
export function placesOf(query: Query): Place[] {
  if (query.op === 'and') return places.filter((place) => query.parts.every((part) => placesOf(part).includes(place)))
  if (query.op === 'or') return places.filter((place) => query.parts.some((part) => placesOf(part).includes(place)))
  if (query.op === 'not') return [...places]
  switch (query.field) {
    case 'state': {
      const words = query.values.map((v) => placeOfState(v.match === 'is' ? v.value : ''))
      return places.filter((place) => words.includes(place))
    }
    case 'finished':
    case 'fingerprint':
      return ['ended']
    case 'started':
    case 'duration':
    case 'wait':
    case 'worker':
      return ['ended', 'running']
    default:
      return [...places]
  }
}
