// A compute child that says something and dies.
process.once('message', () => {
  process.stderr.write('  a warning of the child\n');
  process.stdout.write('a line of the child\n', () => process.exit(3));
});
