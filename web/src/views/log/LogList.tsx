// virtua's list, with the types that it has under Preact.
import type { ComponentType, JSX, Ref } from 'preact';
import { VList, type VListHandle } from 'virtua';

export type ListHandle = VListHandle;

interface ListProps {
  ref?: Ref<ListHandle>;
  data: Int32Array;
  itemSize: number;
  class: string;
  onScroll: (offset: number) => void;
  role: 'log';
  'aria-label': string;
  'aria-live': 'polite' | 'off';
  tabIndex: number;
  children: (value: number, index: number) => JSX.Element;
}

export const LogList = VList as unknown as ComponentType<ListProps>;
