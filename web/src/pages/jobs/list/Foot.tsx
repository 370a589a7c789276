// The line below the table: how much is shown, and what can be done with what is selected. It is always there, so
// nothing moves when it says something else.
import type { ComponentChildren } from "preact";
import { Link } from "wouter-preact";
import { Refusal } from "../../../api/refusal";
import { count } from "../../../ui/format";
import type { Fed } from "./feeder";
import { jobs } from "./words";

interface FootProps {
  fed: Fed;
  grouped: boolean;
  /** Rows there is room for. */
  most: number;
  /** Where the list goes on below this id. */
  hrefBefore: (jid: number) => string;
  selected: number;
  onKill: () => void;
  onDelete: () => void;
  onClear: () => void;
  onRetry: () => void;
}

export function Foot(props: FootProps) {
  return (
    <div class="job-foot">
      <div class="says">{props.selected > 0 ? `${jobs(props.selected)} selected` : <Says {...props} />}</div>
      {props.selected > 0 ? (
        <div class="row does">
          <button type="button" class="danger" onClick={props.onKill}>
            Kill
          </button>
          <button type="button" class="danger" onClick={props.onDelete}>
            Delete
          </button>
          <button type="button" class="plain" onClick={props.onClear}>
            Clear
          </button>
        </div>
      ) : null}
    </div>
  );
}

function Says({ fed, grouped, most, hrefBefore, onRetry }: FootProps): ComponentChildren {
  const { book, error, searching } = fed;
  if (error)
    return (
      <span role="alert" class="bad-line">
        {error.message}
        {error instanceof Refusal && error.hint ? `; ${error.hint}` : ""}{" "}
        <button type="button" class="plain small" onClick={onRetry}>
          Try again
        </button>
      </span>
    );
  if (book.pages.length === 0) return "Asking for jobs…";
  const next = book.pages.at(-1)?.next;
  if (searching !== undefined && next != null) return `Searching jobs older than ${next}…`;
  const rows = grouped ? `${count(book.total)} ${book.total === 1 ? "row" : "rows"}` : jobs(book.total);
  if (next == null) return rows;
  if (book.total >= most)
    return (
      <>
        {rows}, as many as fit. <Link href={hrefBefore(next)}>Go on with older ones</Link>
      </>
    );
  return `${rows} so far; older ones come as you scroll`;
}
