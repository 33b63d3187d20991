export function WallView() { return null; }
