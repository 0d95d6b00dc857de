import { Logo } from '../common/logo';

export function App() {
  return <main class="boot"><Logo /></main>;
}
