// Crons: all of them, or one.
import { useEffect } from "preact/hooks";
import { useLabel } from "../../ui/label";
import { CronList } from "./CronList";
import { OneCron } from "./OneCron";
import "../../ui/cards.css";
import "./crons.css";

export default function CronsPage() {
  const label = useLabel("/crons");
  useEffect(() => {
    document.title = `${label ?? "Crons"} · picloud`;
  }, [label]);
  return label === undefined ? <CronList /> : <OneCron key={label} label={label} />;
}
