export function SubmitView() { return null; }
