import { Button } from '@mantine/core'
import type { PgAgentJobAnswer } from '@trunkline/client/contract'
import { useEffect, useRef } from 'react'
import { useAddress } from '../../parts/go.tsx'
import { Sheet } from '../../parts/page.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { durationText, localTimeText } from '../../parts/words.ts'
import { useZone } from '../../preferences.ts'
import css from './pgagent.module.css'
import { type Run, slowness, useRuns, usualMs } from './pgagent-data.ts'
import { RunPanel } from './run-panel.tsx'
import { statuses } from './status.tsx'

const barHeight = 40

/** The rows of the matrix: the steps of the job in their order, then those that are no longer there. */
function rowsOf(job: PgAgentJobAnswer, runs: readonly Run[]): { id: string; name: string; isGone: boolean }[] {
  const rows = job.steps.map(({ id, name }) => ({ id, name, isGone: false }))
  const known = new Set(rows.map(({ id }) => id))
  for (const { stepId, stepName } of runs.flatMap(({ steps }) => steps)) {
    if (known.has(stepId)) continue
    known.add(stepId)
    rows.push({ id: stepId, name: stepName, isGone: true })
  }
  return rows
}

function Mark({ status }: { status: Run['status'] }) {
  const { look, icon: Icon } = statuses[status]
  return (
    <span className={css.look} data-look={look}>
      <Icon size={16} stroke={2.1} aria-hidden />
    </span>
  )
}

function Head({ run, most, usual, onChoose }: { run: Run; most: number; usual: number | null; onChoose: () => void }) {
  const zone = useZone()
  const slow = slowness(run.durationMs, usual)
  const took = run.status === 'r' ? 'running' : `${statuses[run.status].run}, took ${durationText(run.durationMs)}`
  const said = `Run ${run.id} of ${localTimeText(run.startedAt, zone).slice(0, 16)}: ${took}${slow ? `, ${slow.toFixed(1)} times slower than usual` : ''}`
  return (
    <button type="button" className={css.run} data-slow={slow !== null || undefined} aria-label={said} title={said} onClick={onChoose}>
      <span className={css.bar} style={{ height: Math.max(2, Math.round(((run.durationMs ?? 0) / most) * barHeight)) }} />
      <Mark status={run.status} />
    </button>
  )
}

/** Runs beside each other, their steps below each other; what is chosen is shown below. The choice stands in the address. */
export function History({ sid, job }: { sid: string; job: PgAgentJobAnswer }) {
  const [address, setAddress] = useAddress()
  const list = useRuns(sid, job.id, 40)
  const runs = list.data?.pages.flatMap(({ data }) => data) ?? []
  const matrix = useRef<HTMLDivElement>(null)
  const latest = runs[0]?.id
  // the latest is what one comes for; older ones that are asked for leave the place as it is
  useEffect(() => {
    if (latest !== undefined) matrix.current?.scrollTo({ left: matrix.current.scrollWidth })
  }, [latest])
  if (list.error) return <Problem error={list.error} retry={() => void list.refetch()} />
  if (!list.data) return <Loading rows={5} />
  if (runs.length === 0) return <Empty title="It has not run yet">Its runs appear here, with what each step said.</Empty>
  const chosen = address.run ?? null
  const usual = usualMs(runs)
  const most = Math.max(1, ...runs.map(({ durationMs }) => durationMs ?? 0))
  const shown = [...runs].reverse()
  return (
    <>
      <Sheet
        title="Runs and their steps"
        flush
        aside={
          <span>
            The latest at the right; the bar is how long it took
            {usual !== null && `, usually ${durationText(usual)}`}
          </span>
        }
      >
        <div ref={matrix} role="group" className={css.matrixScroll} tabIndex={0} aria-label="Runs and their steps, a column each run">
          <table className={css.matrix}>
            <thead>
              <tr>
                <th scope="col">Step</th>
                {shown.map((run) => (
                  <th key={run.id} scope="col" data-chosen={chosen === run.id || undefined}>
                    <Head run={run} most={most} usual={usual} onChoose={() => setAddress({ run: run.id, step: undefined })} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rowsOf(job, runs).map((row) => (
                <tr key={row.id}>
                  <th scope="row" title={row.name}>
                    {row.name} {row.isGone && <span className={css.soft}>(gone)</span>}
                  </th>
                  {shown.map((run) => {
                    const step = run.steps.find(({ stepId }) => stepId === row.id)
                    const isChosen = chosen === run.id && address.step === row.id
                    return (
                      <td key={run.id} data-chosen={isChosen || undefined}>
                        {step ? (
                          <button
                            type="button"
                            className={css.cell}
                            aria-label={`${row.name} in run ${run.id}: ${statuses[step.status].step}, ${durationText(step.durationMs)}`}
                            onClick={() => setAddress({ run: run.id, step: row.id })}
                          >
                            <Mark status={step.status} />
                          </button>
                        ) : (
                          <span className={css.none} role="img" aria-label="not run">
                            ·
                          </span>
                        )}
                      </td>
                    )
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {list.hasNextPage && (
          <p className={css.older}>
            <Button variant="default" onClick={() => void list.fetchNextPage()}>
              Older runs
            </Button>
          </p>
        )}
      </Sheet>
      {/* of a link without a run the latest is worth the most */}
      <RunPanel sid={sid} id={chosen ?? (runs[0]?.id as string)} step={address.step} usual={usual} />
    </>
  )
}
