/** A job of a flow and those that must end before it. */
export interface FlowNode {
  id: string
  parents: string[]
}

/** Where each job is drawn: its column (the longest way to it) and its place in it. */
export interface Place {
  id: string
  column: number
  row: number
}

/** Lays a flow out from left to right: columns by the longest way, rows so that lines cross little. Linear in jobs and lines. */
export function layOut(nodes: readonly FlowNode[]): { places: Place[]; columns: number; rows: number } {
  const known = new Set(nodes.map(({ id }) => id))
  const parentsOf = new Map(nodes.map(({ id, parents }) => [id, parents.filter((parent) => known.has(parent))]))
  const columnOf = new Map<string, number>()
  const waiting = new Map(nodes.map(({ id }) => [id, parentsOf.get(id)?.length ?? 0]))
  const children = new Map<string, string[]>()
  for (const [id, parents] of parentsOf) for (const parent of parents) children.set(parent, [...(children.get(parent) ?? []), id])
  const ready = nodes.filter(({ id }) => waiting.get(id) === 0).map(({ id }) => id)
  for (const id of ready) columnOf.set(id, 0)
  for (let i = 0; i < ready.length; i++) {
    const id = ready[i] as string
    for (const child of children.get(id) ?? []) {
      columnOf.set(child, Math.max(columnOf.get(child) ?? 0, (columnOf.get(id) ?? 0) + 1))
      const left = (waiting.get(child) ?? 1) - 1
      waiting.set(child, left)
      if (left === 0) ready.push(child)
    }
  }
  const columns: string[][] = []
  for (const id of ready) {
    const column = columnOf.get(id) ?? 0
    columns[column] = [...(columns[column] ?? []), id]
  }
  const rowOf = new Map<string, number>()
  for (const column of columns) {
    // near the middle of their parents
    const wish = (id: string) => {
      const rows = (parentsOf.get(id) ?? []).map((parent) => rowOf.get(parent) ?? 0)
      return rows.length === 0 ? 0 : rows.reduce((all, one) => all + one, 0) / rows.length
    }
    const sorted = column.map((id, i) => ({ id, i, at: wish(id) })).sort((a, b) => a.at - b.at || a.i - b.i)
    for (const [row, { id }] of sorted.entries()) rowOf.set(id, row)
  }
  const places = ready.map((id) => ({ id, column: columnOf.get(id) ?? 0, row: rowOf.get(id) ?? 0 }))
  return { places, columns: columns.length, rows: Math.max(0, ...columns.map(({ length }) => length)) }
}
