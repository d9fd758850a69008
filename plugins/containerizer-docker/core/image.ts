import { launchFailed } from './failures.js';

/** Letters, digits, and what separates registry, path, tag and digest. */
const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}$/;

/** A reference that names one image: without a tag the engine would pull all of a repository's. */
export function imageReference(image: string): string {
  if (!REFERENCE.test(image)) throw launchFailed(`"${image.slice(0, 500)}" is no image name`, 'user');
  const name = image.slice(image.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? image : `${image}:latest`;
}
