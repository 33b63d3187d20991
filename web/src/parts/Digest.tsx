import { shortDigest } from '../format/number';

/** Twelve digits on glass, all of them on paper. */
export function Digest({ digest }: { digest: string }) {
  if (!digest) return <>–</>;
  return (
    <>
      <span class="glass">{shortDigest(digest)}</span>
      <span class="paper">{digest}</span>
    </>
  );
}
