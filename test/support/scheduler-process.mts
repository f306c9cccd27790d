// Started by eight-schedulers-fire-each-slot-once.test.ts: a keeper in a process of its own, whose clock is wrong by SHIFT_MS.
import { Trunkline } from '../../packages/engine/src/index.ts'

const shift = Number(process.env.SHIFT_MS ?? 0)
const RealDate = Date
const now = () => RealDate.now() + shift
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})

const trunkline = await Trunkline.connect({ connectionString: process.env.DATABASE_URL ?? '' })
const keeper = trunkline.keeper({ leaseMs: 1000 })
keeper.start()
process.send?.('ready')
process.once('SIGTERM', () => void trunkline.close().then(() => process.exit(0)))
