// What server this is, and what jobs can ask of it.
import { api, data } from "../../api/http";
import { useLive } from "../../live/useLive";
import { bytes, money } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { visible } from "../../ui/text";
import { Section } from "./Section";

export function About() {
  const service = useLive("about", ["workers"], async (signal) => {
    const info = data(await api.GET("/v1/service", { signal }));
    // Only usage tells what the prices are in.
    const usage = data(await api.GET("/v1/usage", { signal }));
    return { info, currency: usage.currency };
  });
  const { info, currency } = service.data ?? {};
  return (
    <Section title="About this server">
      <LiveNote live={service} />
      <dl class="facts about">
        <dt>Version</dt>
        <dd>{info ? visible(info.version) : "–"}</dd>
        <dt>Address</dt>
        <dd>{location.origin}</dd>
        <dt>Python versions</dt>
        <dd>{info ? info.pythons.map(visible).join(", ") || "none: no worker is connected" : "–"}</dd>
      </dl>
      <div class="core-types" aria-busy={service.loading}>
        {info && currency ? (
          <table class="cards">
            <caption class="visually-hidden">Core types</caption>
            <thead>
              <tr>
                <th scope="col">Core type</th>
                <th scope="col" class="number">
                  Compute units a core
                </th>
                <th scope="col" class="number">
                  Memory a core
                </th>
                <th scope="col">Cores a job may have</th>
                <th scope="col" class="number">
                  Price a core hour
                </th>
              </tr>
            </thead>
            <tbody>
              {info.core_types.map((type) => (
                <tr key={type.name}>
                  <td>
                    <strong>{visible(type.name)}</strong>
                    {type.own_ip ? <span class="small soft"> own address</span> : null}
                  </td>
                  <td class="number" data-label="Units a core">
                    {type.compute_units}
                  </td>
                  <td class="number" data-label="Memory a core">
                    {bytes(type.memory_bytes)}
                  </td>
                  <td data-label="Cores">{type.cores_allowed.join(", ")}</td>
                  <td class="number" data-label="Price an hour">
                    {money(type.price_per_core_hour ?? 0, currency)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
    </Section>
  );
}
