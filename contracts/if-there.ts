/** What a file system call gives; undefined where the file or folder does not exist. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined; // fs errors carry a code
    throw error;
  }
}
