/**
 * Tells whether a command line asks how the command is called.
 * @param args what stands behind the program; what follows a `--` is no option
 */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}
