/** A piece of text and how it looks; `classes` are names of our style sheet, nothing from the text. */
export interface AnsiPiece {
  text: string
  classes: string
}

const colours = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

/** Text with the colours of a terminal, as pieces. Whatever else a terminal would obey is left out. Linear in the text. */
export function ansiPieces(text: string): AnsiPiece[] {
  if (!text.includes('\u001b')) return [{ text, classes: '' }]
  const pieces: AnsiPiece[] = []
  let bold = false
  let colour: string | null = null
  let at = 0
  const add = (piece: string) => {
    if (piece === '') return
    pieces.push({ text: piece, classes: [bold ? 'ansi-bold' : '', colour ? `ansi-${colour}` : ''].filter(Boolean).join(' ') })
  }
  // a colour sequence, any other control sequence, an operating system command, or a lone escape
  for (const found of text.matchAll(
    /\u001b(?:\[([0-9;]{0,40})m|\[[0-9;?]{0,40}[A-Za-ln-z]|\][^\u0007\u001b]{0,400}(?:\u0007|\u001b\\)|.?)/gs,
  )) {
    add(text.slice(at, found.index))
    at = found.index + found[0].length
    if (found[1] === undefined) continue
    for (const code of found[1].split(';').map(Number)) {
      if (code === 0) {
        bold = false
        colour = null
      } else if (code === 1) bold = true
      else if (code === 22) bold = false
      else if (code >= 30 && code <= 37) colour = colours[code - 30] ?? null
      else if (code >= 90 && code <= 97) colour = colours[code - 90] ?? null
      else if (code === 39) colour = null
    }
  }
  add(text.slice(at))
  return pieces
}
