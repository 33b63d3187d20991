export function TrendsView() { return null; }
