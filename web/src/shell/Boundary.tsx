// Keeps a bug of one page from taking the whole window with it.
import { Component, type ComponentChildren } from "preact";
import { ErrorNote } from "../ui/Notes";

interface Props {
  /** Another place is another try. */
  place: string;
  children: ComponentChildren;
}

interface State {
  error: Error | undefined;
  place: string;
}

export class Boundary extends Component<Props, State> {
  override state: State = { error: undefined, place: this.props.place };

  static override getDerivedStateFromProps(props: Props, state: State): Partial<State> | null {
    return props.place === state.place ? null : { error: undefined, place: props.place };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ error: error instanceof Error ? error : new Error(String(error)) });
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <section class="stack">
        <h1>This page does not work</h1>
        <ErrorNote error={error} />
        <p class="soft">If the server was updated since this page was opened, reloading helps.</p>
        <div>
          <button type="button" class="primary" onClick={() => location.reload()}>
            Reload
          </button>
        </div>
      </section>
    );
  }
}
