export function BuildsView() { return null; }
