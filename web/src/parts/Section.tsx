import type { ComponentChildren } from 'preact';

interface SectionProps {
  id: string;
  title: string;
  note?: ComponentChildren;
  side?: ComponentChildren;
  children: ComponentChildren;
}

/** An ink rule, a heading, a note; sections have no boxes. */
export function Section({ id, title, note, side, children }: SectionProps) {
  return (
    <section id={id} aria-labelledby={`${id}-h`}>
      <div class="sec">
        <h2 id={`${id}-h`}>{title}</h2>
        {note && <span class="note">{note}</span>}
        {side && <span class="sp">{side}</span>}
      </div>
      {children}
    </section>
  );
}
