/**
 * Returns whether a command line asks for help.
 * @param args the arguments after the program; those after `--` are not options
 */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}
