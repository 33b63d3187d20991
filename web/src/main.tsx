import { render } from 'preact';
import { QueryClient, QueryClientProvider } from '@tanstack/preact-query';
import { Problem } from './api/client';
import { App } from './frame/App';
import { applyTheme } from './frame/settings';
import './styles/all.css';

applyTheme();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      gcTime: 5 * 60_000,
      networkMode: 'always',
      refetchOnWindowFocus: true,
      // What is not there is not there; a farm that is away may come back.
      retry: (count, error) => !(error instanceof Problem && error.status >= 400 && error.status < 500) && count < 2,
    },
  },
});

const root = document.getElementById('app');
if (root) {
  render(
    <QueryClientProvider client={client}>
      <App />
    </QueryClientProvider>,
    root,
  );
}
