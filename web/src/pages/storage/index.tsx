// Objects and volumes of the account.
import { Link, useLocation } from "wouter-preact";
import "../../ui/cards.css";
import { Objects } from "./Objects";
import "./storage.css";
import { Volumes } from "./Volumes";

export default function StoragePage() {
  const [address] = useLocation();
  const volumes = address.startsWith("/storage/volumes");
  return (
    <>
      <h1>Storage</h1>
      <nav class="tabs" aria-label="Kinds of storage">
        <Link href="/storage" class="tab" aria-current={volumes ? undefined : "page"}>
          Objects
        </Link>
        <Link href="/storage/volumes" class="tab" aria-current={volumes ? "page" : undefined}>
          Volumes
        </Link>
      </nav>
      {volumes ? <Volumes /> : <Objects />}
    </>
  );
}
