import { performance } from 'node:perf_hooks'

/** How this process is: memory, and how busy it was since it was asked the last time. */
export interface SystemFigures {
  residentBytes: number
  heapBytes: number
  /** Of one core. */
  processorPercent: number
  /** How much of the time the event loop was busy: near 100 it answers late. */
  eventLoopPercent: number
  upSeconds: number
}

const percent = (part: number) => Math.round(part * 1000) / 10

/** Makes a function that answers the {@link SystemFigures} since its last call. */
export function createSystemFigures(): () => SystemFigures {
  let cpu = process.cpuUsage()
  let loop = performance.eventLoopUtilization()
  let at = performance.now()
  return () => {
    const now = performance.now()
    const used = process.cpuUsage(cpu)
    const busy = performance.eventLoopUtilization(loop)
    const ms = Math.max(1, now - at)
    cpu = process.cpuUsage()
    loop = performance.eventLoopUtilization()
    at = now
    const memory = process.memoryUsage()
    return {
      residentBytes: memory.rss,
      heapBytes: memory.heapUsed,
      processorPercent: percent((used.user + used.system) / 1000 / ms),
      eventLoopPercent: percent(busy.utilization),
      upSeconds: Math.round(process.uptime()),
    }
  }
}
