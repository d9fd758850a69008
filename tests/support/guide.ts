/** A fenced block of a guide that a test acts on. */
export interface GuideBlock {
  /** What follows the language: `run`, `run until`, `background`, `printed`, `interrupt`, `file=NAME`; blocks without are for reading. */
  readonly mark: string;
  readonly text: string;
}

export const guideBlocks = (markdown: string): GuideBlock[] =>
  [...markdown.matchAll(/^```\w+ (\S.*)\n([^]*?)^```$/gm)].map(([, mark = '', text = '']) => ({ mark, text }));

/** What a guide says is printed, as a pattern for all of it: `…` is the rest of a word or line, a line of `...` any lines. */
export function printedPattern(text: string): RegExp {
  const pattern = text
    .trim()
    .split('\n')
    .map((line) =>
      line === '...'
        ? '(?:.*\n)*?'
        : `${line
            .split('…')
            .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ +/g, ' +'))
            .join('.*')} *\n`,
    );
  return new RegExp(`^${pattern.join('')}$`);
}
