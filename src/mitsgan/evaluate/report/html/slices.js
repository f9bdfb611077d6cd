// Planes of a scan on 2-D canvases: what the report's viewer and the studio share. Nothing in here
// knows where voxels come from.

// For each plane: the axis of its slices, of its rows and of its columns. Heads up.
export const PLANES = { axial: [0, 1, 2], coronal: [1, 0, 2], sagittal: [2, 0, 1] };

// HU through a grey window, rows and columns as they are shown.
export const greyImage = (values, rows, columns, [low, high]) => {
  const image = new ImageData(columns, rows);
  const scale = 255 / (high - low);
  for (let i = 0, to = 0; i < values.length; i++, to += 4) {
    image.data.fill((values[i] - low) * scale, to, to + 3);
    image.data[to + 3] = 255;
  }
  return image;
};

// Differences from minus to plus a limit, through 256 colours.
export const colouredImage = (values, rows, columns, limit, colours) => {
  const image = new ImageData(columns, rows);
  for (let i = 0, to = 0; i < values.length; i++, to += 4) {
    const level = Math.round(Math.min(Math.max(values[i] / limit, -1), 1) * 127.5 + 127.5);
    image.data.set(colours[level], to);
    image.data[to + 3] = 255;
  }
  return image;
};

// Width and height of a canvas on which a plane has the shape that it has in the patient.
export const canvasSize = (shape, spacing, plane, side) => {
  const [, down, across] = PLANES[plane];
  const extents = shape.map((n, i) => n * spacing[i]);
  const scale = side / Math.max(...extents);
  return [Math.round(extents[across] * scale), Math.round(extents[down] * scale)];
};

// Draw an image over a rectangle of a canvas, by default over all of it.
export const paint = (pen, image, box = [0, 0, pen.canvas.width, pen.canvas.height]) => {
  const native = new OffscreenCanvas(image.width, image.height);
  native.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(native, ...box);
};

// Lines through a point, in canvas pixels.
export const crosshair = (pen, x, y) => {
  const { width, height } = pen.canvas;
  pen.strokeStyle = "rgba(255, 214, 64, .55)";
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x, 0);
  pen.lineTo(x, height);
  pen.moveTo(0, y);
  pen.lineTo(width, y);
  pen.stroke();
};

// Where the edges of a plane lead: R or L, A or P, H or F. `ends` are those of each array axis.
export const letters = (pen, plane, ends, band) => {
  const { width, height } = pen.canvas;
  const [, down, across] = PLANES[plane];
  const vertical = down === 0 ? [...ends[0]].reverse() : ends[down];
  pen.font = "600 14px system-ui, sans-serif";
  pen.fillStyle = "#fff";
  pen.shadowColor = "#000";
  pen.shadowBlur = 4;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(ends[across][0], 12, height / 2);
  pen.fillText(ends[across][1], width - 12, height / 2);
  pen.fillText(vertical[0], width / 2, 13);
  pen.fillText(vertical[1], width / 2, height - 13 - band);
  pen.shadowBlur = 0;
};

// How high the band is that says what an attacker had a hand in, at least `marked` pixels.
export const bandHeight = (canvas, marked = 0) => Math.max(16, canvas.width * 0.085, marked);

// The word in the pixels, along the lower edge, on black.
export const burnIn = (pen, band, word) => {
  const { width, height } = pen.canvas;
  pen.fillStyle = "#000";
  pen.fillRect(0, height - band, width, band);
  pen.fillStyle = "#ffd640";
  pen.font = `700 ${Math.min(band * 0.72, width * 0.1)}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(word, width / 2, height - band / 2, width * 0.95);
};

// Offer a canvas as a PNG file.
export const savePicture = (canvas, name) =>
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
