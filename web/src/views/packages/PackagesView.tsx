export function PackagesView(_: { id?: string }) { return null; }
