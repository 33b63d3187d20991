import { lazy, Suspense } from 'preact/compat';
import { useEffect, useState } from 'preact/hooks';
import { Route, Router, Switch } from 'wouter-preact';
import { TopBar } from './TopBar';
import { ReadingLine } from './ReadingLine';
import { KeysHelp } from './KeysHelp';
import { listenToKeys } from './keys';
import { useFarmEvents } from '../api/farm_events';
import { listenToPrint } from './print';
import { useHashPath, usePlace } from './router';
import { useView } from './view';
import { Lede } from '../parts/Lede';
import { Empty, Loading } from '../parts/states';
import { WallView } from '../views/wall/WallView';
import { BuildsView } from '../views/builds/BuildsView';
import { BuildView } from '../views/build/BuildView';

const LogView = lazy(() => import('../views/log/LogView').then((module) => module.LogView));
const CompareView = lazy(() => import('../views/compare/CompareView').then((module) => module.CompareView));
const PairView = lazy(() => import('../views/compare/PairView').then((module) => module.PairView));
const ChooseBuild = lazy(() => import('../views/compare/ChooseBuild').then((module) => module.ChooseBuild));
const PlatformsView = lazy(() => import('../views/compare/PlatformsView').then((module) => module.PlatformsView));
const PackagesView = lazy(() => import('../views/packages/PackagesView').then((module) => module.PackagesView));
const WorkersView = lazy(() => import('../views/workers/WorkersView').then((module) => module.WorkersView));
const SubmitView = lazy(() => import('../views/submit/SubmitView').then((module) => module.SubmitView));
const CombinationsView = lazy(() => import('../views/matrices/CombinationsView').then((module) => module.CombinationsView));
const TrendsView = lazy(() => import('../views/trends/TrendsView').then((module) => module.TrendsView));

function Missing() {
  useView('Not found', 'There is no such view.');
  return (
    <>
      <Lede sentence={['There is no such view.']} />
      <Empty>
        <a class="lk" href="#wall">
          The wall
        </a>{' '}
        shows every image.
      </Empty>
    </>
  );
}

function Views() {
  return (
    <Suspense fallback={<Loading />}>
      <Switch>
        <Route path="/wall" component={WallView} />
        <Route path="/builds" component={BuildsView} />
        <Route path="/builds/:id">{(params) => <BuildView key={params.id} id={params.id} />}</Route>
        <Route path="/builds/:id/log">{(params) => <LogView key={params.id} id={params.id} />}</Route>
        <Route path="/builds/:id/packages">{(params) => <PackagesView key={params.id} id={params.id} />}</Route>
        <Route path="/builds/:id/compare/:stage/:step">
          {(params) => <CompareView key={`${params.id}/${params.stage}/${params.step}`} id={params.id} stage={Number(params.stage)} step={Number(params.step)} />}
        </Route>
        <Route path="/builds/:id/compare/:other">{(params) => <PairView key={`${params.id}/${params.other}`} id={params.id} other={params.other} />}</Route>
        <Route path="/builds/:id/compare">{(params) => <ChooseBuild key={params.id} id={params.id} />}</Route>
        <Route path="/builds/:id/platforms">{(params) => <PlatformsView key={params.id} id={params.id} />}</Route>
        <Route path="/matrices/:id">{(params) => <CombinationsView key={params.id} id={params.id} />}</Route>
        <Route path="/packages">{() => <PackagesView />}</Route>
        <Route path="/workers">{() => <WorkersView />}</Route>
        <Route path="/trends">{() => <TrendsView />}</Route>
        <Route path="/submit">{() => <SubmitView />}</Route>
        <Route component={Missing} />
      </Switch>
    </Suspense>
  );
}

/** A step to another view begins at its top, with the focus before it. */
function useTopOnStep(path: string): void {
  useEffect(() => {
    scrollTo(0, 0);
    const main = document.getElementById('main');
    if (main && document.activeElement && document.activeElement !== document.body && !document.activeElement.closest('.top')) {
      main.focus({ preventScroll: true });
    }
  }, [path]);
}

export function App() {
  const [help, setHelp] = useState(false);
  const place = usePlace();
  useTopOnStep(place.path);
  useFarmEvents();
  useEffect(() => listenToKeys(() => setHelp((open) => !open)), []);
  useEffect(listenToPrint, []);
  const screen = place.path === '/wall' && place.query.get('screen') === '1';
  useEffect(() => {
    document.documentElement.classList.toggle('screen', screen);
  }, [screen]);
  const skip = (event: Event) => {
    event.preventDefault();
    document.getElementById('main')?.focus();
  };
  return (
    <Router hook={useHashPath}>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <TopBar />
      <main id="main" tabIndex={-1}>
        <Views />
      </main>
      <ReadingLine />
      <KeysHelp open={help} close={() => setHelp(false)} />
    </Router>
  );
}
