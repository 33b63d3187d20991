import { useState } from 'preact/hooks';

/** Without the right to the clipboard, the text is selected where it stands. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'vh';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

interface CopyButtonProps {
  text: string;
  label: string;
  keyName?: string;
}

export function CopyButton({ text, label, keyName }: CopyButtonProps) {
  const [state, setState] = useState<'' | 'copied' | 'not copied'>('');
  const act = async () => {
    setState((await copy(text)) ? 'copied' : 'not copied');
    setTimeout(() => setState(''), 1600);
  };
  return (
    <button class="btn copy" type="button" data-key={keyName} data-say={text} data-at={label} onClick={() => void act()}>
      <span class={state ? 'hid' : ''}>{label}</span>
      {state && (
        <span class="over" role="status">
          {state}
        </span>
      )}
    </button>
  );
}
