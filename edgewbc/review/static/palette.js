// Colors of the classes: Okabe and Ito's palette, distinguishable by color-blind readers. Each cell also carries the
// abbreviation of its class, so that nothing is told by color alone.

const KNOWN = {
  neutrophil: "#0072b2",
  lymphocyte: "#e69f00",
  monocyte: "#009e73",
  eosinophil: "#d55e00",
  basophil: "#7a4fb5",
  "immature granulocyte": "#56b4e9",
  blast: "#cc79a7",
  erythroblast: "#f0e442",
};
const OTHERS = "#8c959f";

export const colorOf = (name) => (Object.hasOwn(KNOWN, name) ? KNOWN[name] : OTHERS);
