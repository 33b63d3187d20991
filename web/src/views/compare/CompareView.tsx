export function CompareView(_: { id: string; stage: number; step: number }) { return null; }
