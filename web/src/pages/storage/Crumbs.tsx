// Where one is, and the way back.
import { Link } from "wouter-preact";
import { visible } from "../../ui/text";
import { crumbs } from "./paths";

export function Crumbs({
  top,
  prefix,
  address,
}: {
  top: { title: string; href: string };
  prefix: string;
  /** The address of a folder. */
  address: (prefix: string) => string;
}) {
  const steps = crumbs(prefix);
  return (
    <nav aria-label="Folders" class="crumbs">
      <ol>
        <li>
          <Link href={top.href} aria-current={steps.length === 0 ? "page" : undefined}>
            {visible(top.title)}
          </Link>
        </li>
        {steps.map((step, index) => (
          <li key={step.prefix}>
            <Link
              href={address(step.prefix)}
              class="name"
              aria-current={index === steps.length - 1 ? "page" : undefined}
            >
              {visible(step.title)}
            </Link>
          </li>
        ))}
      </ol>
    </nav>
  );
}
